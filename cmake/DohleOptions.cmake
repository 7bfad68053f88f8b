# Compiler settings that hold for every target of the tree.
option(DOHLE_WERROR "Treat warnings as errors" ON)
set(DOHLE_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, 'address;undefined' or 'thread'")
option(DOHLE_FUZZ "Build the fuzz targets (clang only)" OFF)

add_library(dohle_options INTERFACE)
target_include_directories(dohle_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(dohle_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wno-missing-field-initializers -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside its own coroutine frames and std::optional, where there is nothing to mend.
  target_compile_options(dohle_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict -fcoroutines)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12's std::stable_sort calls what it has itself marked as deprecated, and clang tells of it.
  target_compile_options(dohle_options INTERFACE -Wno-deprecated-declarations)
endif()
if(DOHLE_WERROR)
  target_compile_options(dohle_options INTERFACE -Werror)
endif()
if(DOHLE_SANITIZE)
  list(JOIN DOHLE_SANITIZE "," sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${sanitizers})
endif()
if(DOHLE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

find_program(DOHLE_CCACHE ccache)
if(DOHLE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DOHLE_CCACHE})
endif()
