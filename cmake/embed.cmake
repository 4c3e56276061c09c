# SPDX-License-Identifier: Apache-2.0
# koppel_embed(TARGET FILE SYMBOL): const unsigned char SYMBOL[] and const size_t SYMBOL_len.
# koppel_embed_table(TARGET NAME SYMBOL FILE...): NAME.h with struct kp_embedded { name, data, len }, SYMBOL[] and SYMBOL_count.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(koppel_embed target file symbol)
  set(out ${CMAKE_BINARY_DIR}/generated/${symbol}.c)
  add_custom_command(OUTPUT ${out} DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/embed.py
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/cmake/embed.py file ${out} ${symbol} ${CMAKE_SOURCE_DIR}/${file})
  target_sources(${target} PRIVATE ${out})
endfunction()

function(koppel_embed_table target name symbol)
  set(out ${CMAKE_BINARY_DIR}/generated/${name}.c ${CMAKE_BINARY_DIR}/generated/${name}.h)
  add_custom_command(OUTPUT ${out} DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed.py
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/cmake/embed.py table ${CMAKE_BINARY_DIR}/generated/${name} ${symbol} ${ARGN})
  target_sources(${target} PRIVATE ${out})
  target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/generated)
endfunction()

# The web console: bundled by tools/console, embedded as kp_console[] of struct kp_embedded (console_embedded.h).
function(koppel_console target)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/console/src/*)
  set(out ${CMAKE_BINARY_DIR}/generated/console_embedded.c ${CMAKE_BINARY_DIR}/generated/console_embedded.h)
  add_custom_command(OUTPUT ${out}
    DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/console/build.mjs ${CMAKE_SOURCE_DIR}/console/package-lock.json
      ${CMAKE_SOURCE_DIR}/tools/console ${CMAKE_SOURCE_DIR}/cmake/embed.py
    COMMAND ${CMAKE_SOURCE_DIR}/tools/console ${CMAKE_BINARY_DIR}/generated/console
    COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/cmake/embed.py folder ${CMAKE_BINARY_DIR}/generated/console_embedded kp_console
      ${CMAKE_BINARY_DIR}/generated/console
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
  target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/generated)
endfunction()
